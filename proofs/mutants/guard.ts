/** A line of the code that keeps an invariant, how it is taken out, and the tests that must notice. */
export interface Guard {
  /** From the root of the project. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly text: string;
  /** What stands there without the guard; it still runs. */
  readonly without: string;
  /** Files, from the root of the project. */
  readonly tests: readonly string[];
  /** A pattern that the names (`suite > test`) of those tests match which are run; default: all of the files. */
  readonly named?: string;
  /** What the guard is for, in a sentence. */
  readonly keeps: string;
  /** Why no test can notice, where the code does the same without it. */
  readonly equivalent?: string;
}
