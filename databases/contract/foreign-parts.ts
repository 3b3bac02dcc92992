/** What others have to do with the control tables and routines of a store. An account with few rights does not see all of it. */
export interface ForeignParts {
  /** Accounts other than this one, and than those that may do all, that own control tables or have made routines: whoever uses them trusts these. */
  readonly owners: readonly string[];
  /** Triggers, rules and views that Lockstep has not made, where its control tables are. Such as `the trigger audit on lockstep.state`. */
  readonly additions: readonly string[];
}

export interface ForeignPartsOf {
  foreignParts(): Promise<ForeignParts>;
}

/** Null where nothing was added. */
export function whyNotAlone({ additions }: ForeignParts): string | null {
  if (additions.length === 0) return null;
  return `Lockstep has not made ${additions.join(', ')}, which can change what it reads and writes there; look who has, and drop it`;
}
