/**
 * What a record has under a name. `constructor`, `toString` and their like are names as others are: what every object
 * inherits under them is no member.
 */
export function memberOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return name in Object.prototype && !Object.hasOwn(record, name) ? undefined : record[name];
}
