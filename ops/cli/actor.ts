/** The person who runs a command: the login name, also below `sudo`. */
import { userInfo } from 'node:os';
import { sudoUser } from '../../engine/config/config.js';

export function actorName(): string {
  return sudoUser() ?? userName();
}

/** A uid without a row in passwd has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
