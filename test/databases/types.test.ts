import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fence, forEachEngineRole, type Opened, readOne, writeOf, writeOne } from './engine-roles.ts';
import { emptySpecimen, type Specimen, specimen } from './entities.ts';

const fullest: Specimen = {
  id: 9_007_199_254_740_993n,
  word: 'Grüße\u00a0"quoted" \\ back\'slash\n\ttab 𝄞🎉',
  remark: '',
  flag: false,
  small: -32_768,
  large: 18_446_744_073_709_551_615n,
  price: '1234567890123456.7890',
  ratio: 0.1,
  half: 3.14,
  day: '0001-01-01',
  clock: '23:59:59.999999',
  seen: '9999-12-31T23:59:59.999999Z',
  noted: '2024-02-29T12:00:00.123Z',
  token: '6f9619ff-8b86-d011-b42d-00c04fc964ff',
  raw: new Uint8Array([0, 255, 39, 92, 0]),
  doc: { b: [1, 2.5, null, true], a: { text: 'ä🎉', empty: {} }, c: '' },
  mood: 'Cross',
  code: 'A1',
};

forEachEngineRole(
  'values',
  (at) => {
    test.each([
      ['at their limits', fullest],
      ['that are absent', emptySpecimen],
      ['that are empty', { ...emptySpecimen, id: 2n, remark: '', raw: new Uint8Array(), code: '', doc: [] }],
      ['of one blank', { ...emptySpecimen, id: 3n, word: ' ', remark: '\u00a0 ' }],
      ['with trailing blanks', { ...emptySpecimen, id: 4n, word: 'a  ', remark: 'b\u3000' }],
      ['negative', { ...emptySpecimen, id: -5n, small: -1, price: '-0.0001', ratio: -1e-300, half: -0.5 }],
      [
        'that are zero',
        { ...emptySpecimen, id: 0n, small: 0, large: 0n, price: '0.0000', ratio: 0, half: 0 },
      ],
    ])('%s come back as they went in', async (_, value) => {
      const written = writeOf(specimen, value);
      const { store } = at();
      expect(await writeOne(store, specimen, written)).toEqual({ status: 'applied', version: '1' });
      expect(await readOne(store, specimen, written.key)).toMatchObject({
        image: written.image,
        unreadable: null,
      });
    });

    test('any values come back as they went in, and again after a replace by others', async () => {
      let next = 1_000n;
      await fc.assert(
        fc.asyncProperty(fc.array(values, { minLength: 1, maxLength: 20, size: 'max' }), async (given) => {
          const specimens = given.map((value) => ({ ...value, id: next++ }));
          const first = specimens.map((value) => writeOf(specimen, value));
          await expectWritten(at(), first);
          const second = specimens.map((value, index) =>
            writeOf(specimen, { ...(specimens.at(-1 - index) ?? value), id: value.id }),
          );
          await expectWritten(at(), second);
        }),
        { numRuns: 10 },
      );
    });
  },
  { entities: [specimen] },
);

async function expectWritten({ store }: Opened, writes: readonly ReturnType<typeof writeOf<Specimen>>[]) {
  const outcomes = await store.write(specimen, writes, fence);
  expect(outcomes.filter((outcome) => outcome.status !== 'applied')).toEqual([]);
  const stored = await store.read(
    specimen,
    writes.map((write) => write.key),
  );
  expect(stored.map((record) => record.unreadable)).toEqual(writes.map(() => null));
  expect(stored.map((record) => record.image)).toEqual(writes.map((write) => write.image));
}

const text = fc
  .string({
    unit: fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 1 }),
      fc.constantFrom(' ', '\u00a0', '\\', "'", '"', '\n', '🎉'),
    ),
    maxLength: 40,
  })
  .map((found) => found.replaceAll('\u0000', '').slice(0, 100))
  .filter((found) => found.isWellFormed());
const fraction = (digits: number) =>
  fc.integer({ min: 0, max: 10 ** digits - 1 }).map((number) => String(number).padStart(digits, '0'));
const dayBetween = (from: string, to: string) =>
  fc
    .date({ min: new Date(from), max: new Date(to), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10));
const clock = fc
  .tuple(fc.integer({ min: 0, max: 86_399 }), fraction(6))
  .map(([second, rest]) => `${new Date(second * 1000).toISOString().slice(11, 19)}.${rest}`);

const values: fc.Arbitrary<Omit<Specimen, 'id'>> = fc.record({
  word: text,
  remark: fc.option(text),
  flag: fc.option(fc.boolean()),
  small: fc.option(fc.integer({ min: -32_768, max: 32_767 })),
  large: fc.option(fc.bigInt({ min: 0n, max: 18_446_744_073_709_551_615n })),
  price: fc.option(
    fc
      .bigInt({ min: -(10n ** 19n), max: 10n ** 19n })
      .map(
        (cents) =>
          `${cents < 0n ? '-' : ''}${(cents < 0n ? -cents : cents) / 10_000n}.${String((cents < 0n ? -cents : cents) % 10_000n).padStart(4, '0')}`,
      )
      .map((found) => (/^-0\.0+$/.test(found) ? '0.0000' : found)),
  ),
  ratio: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((found) => found + 0)),
  half: fc.option(fc.integer({ min: -99_999, max: 99_999 }).map((found) => found / 100)),
  day: fc.option(dayBetween('0001-01-01', '9999-12-31')),
  clock: fc.option(clock),
  seen: fc.option(
    fc.tuple(dayBetween('0001-01-01', '9999-12-31'), clock).map(([day, time]) => `${day}T${time}Z`),
  ),
  noted: fc.option(
    fc
      .tuple(dayBetween('1970-01-02', '2037-12-31'), clock)
      .map(([day, time]) => `${day}T${time.slice(0, 12)}Z`),
  ),
  token: fc.option(fc.uuid({ version: [1, 3, 4, 5] })),
  raw: fc.option(fc.uint8Array({ maxLength: 100 })),
  doc: fc.option(
    fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme', noUnicodeString: false } as fc.JsonSharedConstraints),
  ),
  mood: fc.option(fc.constantFrom('calm', 'Cross', '1')),
  code: fc.option(fc.stringMatching(/^[A-Za-z0-9]{0,8}$/)),
});
