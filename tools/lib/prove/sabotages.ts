/** What can be lost on purpose, and as what the proof has to find it. */
export const SABOTAGES = {
  /** One document is left out of a transactional batch; its marker is written. */
  upsert: { losses: 1, findings: ['missing-document', 'versions-differ', 'old-document'] },
  /** The changes of one document are taken from the change feed, and nobody goes round to repair it. */
  feed: { losses: 1, findings: ['not-delivered'] },
  /** Two events of the hub are acknowledged and not stored: one in the middle, and that with the load's last record. */
  hub: { losses: 2, findings: ['lost-in-hub'] },
} as const;

export type Sabotage = keyof typeof SABOTAGES;

/** Names of the environment variables and files by which the proof and the preloaded module understand each other. */
export const SABOTAGE_VARIABLE = 'HEADWATER_SABOTAGE';
export const SABOTAGE_FOLDER_VARIABLE = 'HEADWATER_SABOTAGE_DIR';

/** The file that holds the last record of the load. */
export const TAIL_FILE = 'tail';
/** The file that tells that the middle of the load is reached. */
export const MIDDLE_FILE = 'middle';
/** Files that say what was lost: keys of documents, ids of records, one a line. */
export const DONE_FILES = ['upsert.done', 'feed.done', 'hub-middle.done', 'hub-tail.done'] as const;
