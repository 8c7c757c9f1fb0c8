/**
 * Memoizes a function of one text. The cache holds at most `max` results and is emptied when full.
 */
export function remembered<T extends NonNullable<unknown>>(
  max: number,
  answer: (text: string) => T,
): (text: string) => T {
  const answers = new Map<string, T>();
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined) return known;
    const entry = answer(text);
    if (answers.size >= max) answers.clear();
    answers.set(text, entry);
    return entry;
  };
}
