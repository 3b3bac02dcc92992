/**
 * What the other store is owed is tried on a task queue of its own, with slots of its own: catching up after an outage
 * takes none from the writes whose callers wait.
 */
export function owedTaskQueue(taskQueue: string): string {
  return `${taskQueue}-owed`;
}
