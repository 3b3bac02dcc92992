/** Which tests are to be run. */
export interface TestSelection {
  /** From the root of the project. */
  readonly files: readonly string[];
  /** A pattern that their names match; null for all. */
  readonly named: string | null;
}

/** A test that ran. Those that were passed by are left out. */
export interface RanTest {
  readonly file: string;
  /** With the names of the suites around it: `suite > test`, as patterns are matched against it. */
  readonly name: string;
  readonly passed: boolean;
}

export interface TestRun {
  readonly tests: readonly RanTest[];
  /** A file could not even be loaded, or something was thrown outside of any test. */
  readonly broken: boolean;
}
