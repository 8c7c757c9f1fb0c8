/** A function of a text whose answers are kept, at most `max` of them; then it begins anew. */
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
