/** The words of an error, where its message may be empty (refused by all of a name's addresses) or say nothing (`fetch failed`). */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ');
  return error.cause instanceof Error && error.message === 'fetch failed'
    ? `${error.message}: ${reasonOf(error.cause)}`
    : error.message || error.name;
}
