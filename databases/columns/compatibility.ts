import type { Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn } from './catalogue.ts';
import { fractionDigits } from './fraction.ts';

/** Why a column cannot hold a field's values; null where it can. Which kinds go together stands in `types.ts`. */
export function incompatibility(column: CatalogueColumn, scalar: Scalar): string | null {
  const { natural, declared, rule, limits } = column;
  if (!natural) return `type ${declared} ${rule.rule}`;
  if (scalar.kind !== natural.kind && !rule.also?.includes(scalar.kind)) {
    return `${declared} cannot hold a ${scalar.kind} field`;
  }
  const digits = (kept: number, needed: number, of: string) =>
    kept >= needed ? null : `${declared} keeps ${kept} ${of}, the field has ${needed}`;
  switch (scalar.kind) {
    case 'timestamp':
    case 'time':
    case 'duration':
      return scalar.precision === null
        ? null
        : digits(fractionDigits(column) ?? scalar.precision, scalar.precision, 'digits after the second');
    case 'decimal': {
      const kept = natural.kind === 'decimal' ? natural.scale : 0;
      return kept === null || scalar.scale === null
        ? null
        : digits(kept, scalar.scale, 'digits after the point');
    }
    case 'integer':
    case 'bigint':
      return natural.kind === 'decimal' && natural.scale !== 0
        ? `${declared} holds more than whole numbers`
        : null;
    case 'boolean':
      return natural.kind === 'bits' && natural.length !== 1 ? `${declared} is more than one bit` : null;
    case 'bits':
      return natural.kind === 'bits' && natural.length !== scalar.length
        ? `${declared} keeps ${natural.length} bits, the field has ${scalar.length}`
        : null;
    case 'uuid':
      return natural.kind === 'bytes' && limits.octets !== 16 && limits.octets !== undefined
        ? `${declared} is not 16 bytes long`
        : null;
    case 'set':
      return limits.elements && limits.elements.kind !== 'text' ? `${declared} holds no texts` : null;
    case 'text':
      return natural.kind === 'bytes' && scalar.nul !== 'bytes'
        ? `${declared} holds bytes; declare the field with nul: 'bytes' to keep text there as UTF-8`
        : null;
    default:
      return null;
  }
}
