import { z } from 'zod';

export const shipModes = ['Same Day', 'First Class', 'Second Class', 'Standard Class'] as const;
const segments = ['Consumer', 'Corporate', 'Home Office'] as const;

const customerSchema = z.strictObject({
  id: z.string().regex(/^[A-Z][A-Za-z]-\d{5}$/),
  name: z.string().min(1).max(100),
  segment: z.enum(segments),
});

const productSchema = z.strictObject({
  id: z.string().regex(/^[A-Z]{3}-[A-Z]{2}-\d{8}$/),
  // Some names end with a space or hold non-breaking ones: they are kept as they are, never trimmed.
  name: z.string().min(1).max(200),
  category: z.string().min(1).max(30),
  subCategory: z.string().min(1).max(30),
});

const addressSchema = z.strictObject({
  country: z.string().min(1).max(60),
  city: z.string().min(1).max(60),
  state: z.string().min(1).max(60),
  postalCode: z.string().regex(/^\d{5}$/),
  region: z.string().min(1).max(20),
});

const lineSchema = z.strictObject({
  rowId: z.int().positive(),
  product: productSchema,
  sales: z.string().regex(/^\d{1,8}(\.\d{1,4})?$/),
  quantity: z.int().positive(),
  discount: z.string().regex(/^[01](\.\d{1,2})?$/),
  profit: z.string().regex(/^-?\d{1,8}(\.\d{1,4})?$/),
});

export const orderSchema = z
  .strictObject({
    id: z.string().regex(/^[A-Z]{2}-\d{4}-\d{6}$/),
    orderedOn: z.iso.date(),
    shippedOn: z.iso.date(),
    shipMode: z.enum(shipModes),
    customer: customerSchema,
    address: addressSchema,
    // An order without lines cannot exist in the legacy table: there is no row to hold it.
    lines: z.array(lineSchema).min(1),
  })
  .refine((order) => order.shippedOn >= order.orderedOn, {
    path: ['shippedOn'],
    message: 'is before the order',
  })
  .refine((order) => oneNameForEachProduct(order.lines), {
    path: ['lines'],
    message: 'give one product two names',
  });

export type Order = z.infer<typeof orderSchema>;
export type Line = Order['lines'][number];

/** The legacy table has two names for 32 product ids, but never within one order, and it shall stay like that. */
function oneNameForEachProduct(lines: readonly { product: { id: string; name: string } }[]): boolean {
  const names = new Map(lines.map(({ product }) => [product.id, product.name]));
  return lines.every(({ product }) => names.get(product.id) === product.name);
}
