/** Which tests are to be run. */
export interface TestSelection {
  /** From the root of the project. */
  readonly files: readonly string[];
  /** A pattern that their names match; null for all. */
  readonly named: string | null;
}

export interface TestRun {
  /** The names of those that passed, with the suites around them: `suite > test`, as patterns are matched against it. */
  readonly passed: readonly string[];
  /** A test failed, and with it the run ended. */
  readonly failed: boolean;
  /** A file could not even be loaded, or something was thrown outside of any test. */
  readonly broken: boolean;
}
