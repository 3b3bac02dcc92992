import { isIPv6 } from 'node:net';

/** Whether a text is in the form in which MySQL or MariaDB gives a value of the type back; null where every text is kept. */
export function canonicalTextCheck(base: string, fraction: number): ((text: string) => boolean) | null {
  const rest = fraction > 0 ? `\\.\\d{${fraction}}` : '';
  switch (base) {
    case 'date':
      return matching(day);
    case 'datetime':
    case 'timestamp':
      return matching(`${day} \\d{2}:\\d{2}:\\d{2}${rest}`);
    case 'time':
      return (text) => time(rest).test(text) && !/^-[0:.]+$/.test(text);
    case 'uuid':
      return matching('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}');
    case 'inet4':
      return isShortest4;
    case 'inet6':
      return isShortest6;
    default:
      return null;
  }
}

const day = '\\d{4}-\\d{2}-\\d{2}';

function time(rest: string): RegExp {
  return new RegExp(`^-?(\\d{2}|[1-8]\\d{2}):[0-5]\\d:[0-5]\\d${rest}$`);
}

function matching(pattern: string): (text: string) => boolean {
  const whole = new RegExp(`^${pattern}$`);
  return (text) => whole.test(text);
}

function isShortest4(text: string): boolean {
  return (
    /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((part) => String(Number(part)) === part)
  );
}

/** Addresses that carry an IPv4 address at their end are written with it, as `::ffff:192.0.2.1`. */
function isShortest6(text: string): boolean {
  const carried = /^::(?:ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (carried !== undefined)
    return isShortest4(carried) && (text.startsWith('::f') || !/^0\.0\./.test(carried));
  if (!isIPv6(text) || /^::(ffff:)?[0-9a-f]+:[0-9a-f]+$/.test(text)) return false;
  return new URL(`http://[${text}]/`).hostname === `[${text}]`;
}
