import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Which member of a record names its image, and which takes the image itself. */
export interface ImageMembers {
  readonly name: string;
  readonly image: string;
}

/** Those of the data set tweets. */
export const TWEET_IMAGES: ImageMembers = { name: 'image_file', image: 'image_base64' };

/** Images kept in memory: records often share them. */
const KEPT_IMAGES = 64;

/**
 * Joins records with the images that lie beside them: in place of an image's name comes the image in base64. Records
 * that name none pass as they are. Lazy: as many images as {@link KEPT_IMAGES} are in memory.
 * @param folder where the images lie; a name is that of a file in it
 * @throws Error naming the record, when its image is not there or its name would leave the folder
 */
export function* joinImages(
  records: Iterable<Record<string, unknown>>,
  folder: string,
  members: ImageMembers = TWEET_IMAGES,
): Generator<Record<string, unknown>> {
  const kept = new Map<string, string>();
  let number = 0;
  for (const record of records) {
    const { [members.name]: name, ...others } = record;
    if (name === undefined || name === null) yield record;
    else yield { ...others, [members.image]: imageOf(name, folder, kept, number) };
    number++;
  }
}

function imageOf(name: unknown, folder: string, kept: Map<string, string>, number: number): string {
  const file = String(name);
  const known = kept.get(file);
  if (known !== undefined) return known;
  if (file !== basename(file) || file.includes('\\') || file === '..' || file === '.')
    throw new Error(`Record ${number}: "${file}" is no file name.`);
  const image = readImage(join(folder, file), number);
  if (kept.size >= KEPT_IMAGES) kept.delete([...kept.keys()][0] as string);
  kept.set(file, image);
  return image;
}

function readImage(path: string, number: number): string {
  try {
    return readFileSync(path).toString('base64');
  } catch (error) {
    throw new Error(`Record ${number}: its image cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
