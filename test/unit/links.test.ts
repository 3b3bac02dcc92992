import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folders = ['.', 'docs', ...readdirSync(join(root, 'examples')).map((name) => `examples/${name}`)];
const pages = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

test('every link of a page leads to a file, and to a heading where it names one', () => {
  expect(pages).toEqual(
    expect.arrayContaining(['README.md', 'docs/entities.md', 'examples/users/README.md']),
  );
  expect(pages.flatMap(faultsOf)).toEqual([]);
});

function faultsOf(page: string): string[] {
  return linksOf(page).flatMap((link) => {
    const [path = '', heading] = link.split('#');
    const target = path === '' ? page : relative(root, join(root, dirname(page), path));
    if (!existsSync(join(root, target))) return [`${page}: ${link} leads nowhere`];
    if (heading === undefined || headingsOf(target).includes(heading)) return [];
    return [`${page}: ${link} names no heading of ${target}`];
  });
}

/** Those within the project, also of images. What is in code is no link. */
function linksOf(page: string): string[] {
  const text = proseOf(page).replaceAll(/`[^`\n]+`/g, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
    ([, link, attribute]) => link ?? attribute ?? '',
  );
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** As GitHub names them. */
function headingsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ +(.+)$/gm)].map(([, title = '']) =>
    title
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8').replaceAll(/^(\s*`{3,}).*\n[\s\S]*?^\1$/gm, '');
}
