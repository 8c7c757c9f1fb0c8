/** Bounds read commands to 5 s, also when the server that they query is frozen. */
import { connectionProblem } from '../client/client-errors.js';

const ANSWER_MS_MAX = 4_000;

/**
 * Rejects with one sentence when the server does not answer in time, or not at all. The work is
 * not stopped: the process ends with the command.
 */
export async function withinAnswerTime<T>(
  work: Promise<T>,
  who: string,
  url: string,
  setting: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const text = `${who} does not answer within ${ANSWER_MS_MAX / 1_000} s at ${withoutPassword(url)}: \`tollgate doctor\` says more`;
    timer = setTimeout(() => reject(new Error(text)), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'ECONNREFUSED') throw error;
    throw connectionProblem(error, who, withoutPassword(url), setting);
  } finally {
    clearTimeout(timer);
  }
}

function withoutPassword(url: string): string {
  const at = URL.canParse(url) ? new URL(url) : undefined;
  return at ? `${at.protocol}//${at.host}${at.pathname}` : 'the given address';
}
