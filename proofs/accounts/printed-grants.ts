import { type Role, roles } from '../../model/account-role.ts';
import type { StoreName } from '../../model/failure.ts';

export type PrintedGrants = Readonly<Record<StoreName, Readonly<Record<Role, readonly string[]>>>>;

/** What `prepare --grants` prints for a person, as a person reads it. */
export function readGrants(text: string): PrintedGrants {
  const nothing = () =>
    Object.fromEntries(roles.map((role) => [role, []])) as unknown as Record<Role, string[]>;
  const found = { legacy: nothing(), modern: nothing() };
  let into: string[] | null = null;
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const head = /^-- (legacy|modern), (\w+): /.exec(line);
    if (head) {
      const role = roles.find((one) => one === head[2]);
      if (!role) throw new Error(`there is no role ${head[2]}`);
      into = found[head[1] === 'legacy' ? 'legacy' : 'modern'][role];
    } else if (into && line.endsWith(';')) into.push(line.slice(0, -1));
    else throw new Error(`neither a title nor a statement: ${line}`);
  }
  return found;
}

/** One right that can be taken and given back by itself. */
export interface SingleRight {
  readonly verb: string;
  /** Such as `TABLE lockstep.records`, as the statement names it. */
  readonly on: string;
  readonly take: string;
  readonly give: string;
}

/** `GRANT SELECT, INSERT ON x TO y` as two rights. */
export function singleRights(statement: string): SingleRight[] {
  const parts = /^GRANT (.+?) ON (.+) TO (.+)$/.exec(statement);
  const [, verbs = '', on = '', who = ''] = parts ?? [];
  return verbs.split(', ').map((verb) => ({
    verb,
    on,
    take: `REVOKE ${verb} ON ${on} FROM ${who}`,
    give: `GRANT ${verb} ON ${on} TO ${who}`,
  }));
}

/** What must stand in what doctor says where it is missing. */
export function namesIt({ verb, on }: SingleRight, told: string): boolean {
  const object =
    on
      .replaceAll(/[`"\\]/g, '')
      .split(' ')
      .at(-1) ?? '';
  const table = object.split('.').at(-1) ?? '';
  switch (verb) {
    case 'CONNECT':
      return /permission denied\): database .* grant that to/.test(told);
    case 'USAGE':
      return /or on its schema|USAGE on schema/.test(told) && told.includes('prepare --grants');
    case 'EXECUTE':
    case 'TEMPORARY':
    case 'CREATE TEMPORARY TABLES':
    case 'XA_RECOVER_ADMIN':
      return told.includes(verb) && told.includes('prepare --grants');
    default:
      return (
        (told.includes(`${verb} on`) || told.includes('any right on')) &&
        told.includes(table) &&
        told.includes('prepare --grants')
      );
  }
}
