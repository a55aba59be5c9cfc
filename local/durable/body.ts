import { problem, type Answer } from './answer';

/** How deep JSON may be nested: https://github.com/JamesNK/Newtonsoft.Json/releases/tag/13.0.1 */
const MAX_DEPTH = 64;

export type JsonBody = { ok: true; text: string } | { ok: false; answer: Answer };

function refuse(message: string): JsonBody {
  const details = { ExceptionMessage: message, ExceptionType: 'Newtonsoft.Json.JsonReaderException' };
  return { ok: false, answer: problem(400, 'Invalid JSON content', details) };
}

/** How deep a valid JSON text is nested. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    // What stands in a text nests nothing.
    if (character === '"') at = endOfText(text, at);
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth--;
  }
  return deepest;
}

/** Where the text that begins at a quote ends. */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; ; at++) {
    if (json[at] === '"' || at >= json.length) return at;
    if (json[at] === '\\') at++;
  }
}

/** The JSON text of a request's body as it came, or the platform's answer to what is none. */
export function readJson(body: Buffer): JsonBody {
  const text = body
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trim();
  try {
    JSON.parse(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
  if (depthOf(text) > MAX_DEPTH) return refuse(`The reader's MaxDepth of ${MAX_DEPTH} has been exceeded.`);
  return { ok: true, text };
}
