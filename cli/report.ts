/** What a command found, before it is printed. */
export interface Report {
  /** For `--json`. */
  readonly object: object;
  readonly lines: readonly string[];
  readonly code: number;
}
