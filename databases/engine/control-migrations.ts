import { readdir, readFile } from 'node:fs/promises';

/** One numbered file of an engine's folder `control`. */
export interface ControlMigration {
  /** Counts from 1, without gaps. */
  readonly version: number;
  /** The file's, without its ending: `001-control-tables`. */
  readonly name: string;
  /** What the engine runs, and remembers as run, at a time. */
  readonly steps: readonly string[];
}

/**
 * Reads the migrations of a folder, in order.
 *
 * @param stepsOf cuts the SQL of a file where the engine cannot undo what comes before
 */
export async function readControlMigrations(
  folder: URL,
  stepsOf: (sql: string) => readonly string[],
): Promise<ControlMigration[]> {
  const names = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return await Promise.all(
    names.map(async (file, index) => {
      const version = Number(/^(\d{3})-[a-z0-9-]+\.sql$/.exec(file)?.[1]);
      if (version !== index + 1)
        throw new TypeError(`control migration ${file} is out of order: its number must be ${index + 1}`);
      const sql = await readFile(new URL(file, folder), 'utf8');
      return { version, name: file.slice(0, -'.sql'.length), steps: stepsOf(sql) };
    }),
  );
}
