import type { StoredDocument } from '../../domain/egress/document';

/** Bytes of documents kept; as objects they take a few times that. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Documents that the change feed has just brought. What is read here is as good as a read of the store a moment ago,
 * as long as its version is not below the one that is owed.
 */
export class RecentDocuments {
  private readonly entries = new Map<string, { document: StoredDocument; bytes: number }>();
  private bytes = 0;

  constructor(private readonly limit = MAX_BYTES) {}

  add(document: StoredDocument): void {
    const name = nameOf(document.pk, document.id);
    const known = this.entries.get(name);
    if (known) {
      if (known.document._hw.version > document._hw.version) return;
      this.entries.delete(name);
      this.bytes -= known.bytes;
    }
    const bytes = JSON.stringify(document.data).length;
    if (bytes > this.limit / 16) return;
    this.entries.set(name, { document, bytes });
    this.bytes += bytes;
    for (const [oldest, entry] of this.entries) {
      if (this.bytes <= this.limit) break;
      this.entries.delete(oldest);
      this.bytes -= entry.bytes;
    }
  }

  /** The document, if it is here in this version or a later one. */
  get(pk: string, id: string, version: number): StoredDocument | undefined {
    const document = this.entries.get(nameOf(pk, id))?.document;
    return document && document._hw.version >= version ? document : undefined;
  }
}

// A partition key has no slash: it is a data set's name and a number.
const nameOf = (pk: string, id: string): string => `${pk}/${id}`;
