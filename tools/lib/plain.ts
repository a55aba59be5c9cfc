/** A stranger's text must not steer the terminal. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is meant
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
