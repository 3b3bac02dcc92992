import { z } from 'zod';
import { type Entity, entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';

/** A row of every type that both engines can hold. */
export interface Specimen {
  id: bigint;
  word: string;
  remark: string | null;
  flag: boolean | null;
  small: number | null;
  large: bigint | null;
  price: string | null;
  ratio: number | null;
  half: number | null;
  day: string | null;
  clock: string | null;
  seen: string | null;
  noted: string | null;
  token: string | null;
  raw: Uint8Array | null;
  doc: unknown;
  mood: 'calm' | 'Cross' | '1' | null;
  code: string | null;
}

export const specimen = entity({
  name: 'specimen',
  schema: z.custom<Specimen>(),
  fields: {
    id: field.bigint(),
    word: field.text(),
    remark: field.text(),
    flag: field.boolean(),
    small: field.integer(),
    large: field.bigint(),
    price: field.decimal({ scale: 4 }),
    ratio: field.float(),
    half: field.float(),
    day: field.date(),
    clock: field.time(),
    seen: field.timestamp(),
    noted: field.timestamp({ precision: 3 }),
    token: field.uuid(),
    raw: field.bytes(),
    doc: field.json(),
    mood: field.text(),
    code: field.text(),
  },
  key: 'id',
  legacy: table('specimens', { seen: 'seen_at', noted: 'noted_at' }),
  modern: table('specimens', { seen: 'seen_at', noted: 'noted_at' }),
});

/** Every column that may be null is. */
export const emptySpecimen: Specimen = {
  id: 1n,
  word: '',
  remark: null,
  flag: null,
  small: null,
  large: null,
  price: null,
  ratio: null,
  half: null,
  day: null,
  clock: null,
  seen: null,
  noted: null,
  token: null,
  raw: null,
  doc: null,
  mood: null,
  code: null,
};

/** A composite key of text and a number beyond 2^53. */
export interface Slot {
  region: string;
  number: bigint;
  label: string | null;
}

export const slot = entity({
  name: 'slot',
  schema: z.custom<Slot>(),
  fields: { region: field.text(), number: field.bigint(), label: field.text() },
  key: ['region', 'number'],
  legacy: table('slots', { number: 'slot_number' }),
  modern: table('slots', { number: 'slot_number' }),
});

interface Customer {
  id: number;
  name: string;
  city: string | null;
}

interface Line {
  position: number;
  product: string;
  quantity: number;
}

export interface Invoice {
  number: string;
  issued: string;
  customer: Customer;
  lines: Line[];
}

interface FlatRow {
  invoice_number: string;
  issued: string;
  customer_id: number;
  customer_name: string;
  customer_city: string | null;
  line_no: number;
  product: string;
  quantity: number;
}

interface InvoiceTables {
  customers: Customer[];
  invoices: { number: string; issued: string; customer_id: number }[];
  invoice_lines: { invoice_number: string; position: number; product: string; quantity: number }[];
}

/** One wide row for each line, with its customer repeated. */
export function flat() {
  return rows<Invoice, { invoice_rows: FlatRow[] }>({
    tables: { invoice_rows: { key: ['invoice_number'], identity: ['invoice_number', 'line_no'] } },
    embedded: {
      customer: {
        table: 'invoice_rows',
        columns: { name: 'customer_name', id: 'customer_id', city: 'customer_city' },
      },
    },
    toRows: ({ number, issued, customer, lines }) => ({
      invoice_rows: lines.map((line) => ({
        invoice_number: number,
        issued,
        customer_id: customer.id,
        customer_name: customer.name,
        customer_city: customer.city,
        line_no: line.position,
        product: line.product,
        quantity: line.quantity,
      })),
    }),
    fromRows: ({ invoice_rows: [first, ...rest] }) => {
      if (!first) throw new Error('an invoice has at least one line');
      return {
        number: first.invoice_number,
        issued: first.issued,
        customer: { id: first.customer_id, name: first.customer_name, city: first.customer_city },
        lines: [first, ...rest].map(({ line_no, product, quantity }) => ({
          position: line_no,
          product,
          quantity,
        })),
      };
    },
  });
}

/** Invoices and lines of their own, customers that many invoices share. */
export function normalized(wins: 'latest' | 'first' | 'refuse' = 'latest') {
  return rows<Invoice, InvoiceTables>({
    tables: {
      invoices: { key: ['number'] },
      invoice_lines: { key: ['invoice_number'], identity: ['invoice_number', 'position'] },
    },
    referenced: {
      customers: {
        shared: 'customer',
        identity: ['id'],
        through: { table: 'invoices', columns: { id: 'customer_id' } },
        wins,
      },
    },
    toRows: ({ number, issued, customer, lines }) => ({
      customers: [customer],
      invoices: [{ number, issued, customer_id: customer.id }],
      invoice_lines: lines.map((line) => ({ invoice_number: number, ...line })),
    }),
    fromRows: ({ invoices: [invoice], customers: [customer], invoice_lines }) => {
      if (!invoice || !customer) throw new Error('an invoice has a customer');
      return {
        number: invoice.number,
        issued: invoice.issued,
        customer,
        lines: invoice_lines.map(({ position, product, quantity }) => ({ position, product, quantity })),
      };
    },
  });
}

export function invoiceOf(
  legacy: ReturnType<typeof flat | typeof normalized>,
  modern: ReturnType<typeof flat | typeof normalized>,
): Entity<Invoice, 'number', 'primary-secondary', 'primary'> {
  return entity({
    name: 'invoice',
    schema: z.custom<Invoice>(),
    fields: {
      number: field.text(),
      issued: field.date(),
      customer: field.shared({
        name: 'customer',
        identity: ['id'],
        fields: { id: field.integer(), name: field.text(), city: field.text() },
      }),
      lines: field.list({
        by: ['position'],
        fields: { position: field.integer(), product: field.text(), quantity: field.integer() },
      }),
    },
    key: 'number',
    legacy,
    modern,
  });
}

/** Wide rows in legacy, tables of their own in modern: each engine meets both, because it is opened in both roles. */
export const invoice = invoiceOf(flat(), normalized());

/** As little as a record can have. */
export const thing = entity({
  name: 'thing',
  schema: z.strictObject({ id: z.int(), label: z.string() }),
  key: 'id',
  legacy: table('things'),
  modern: table('things'),
});
