import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ALL_SETTINGS, unknownNames } from '../../../engine/config/settings/catalogue.js';
import { packageFile, packageRoot } from '../../../engine/util/paths.js';
import { SETTINGS_PAGE, settingsPage } from './settings-page.js';

describe('the settings page', () => {
  it('should say what the tables say', () => {
    const written = readFileSync(SETTINGS_PAGE, 'utf8');
    assert.equal(written, settingsPage(), 'run node dist/ops/checks/docs/settings-page.js');
  });

  it('should list every setting that a process reads, once', () => {
    const page = settingsPage();
    for (const { env } of ALL_SETTINGS)
      assert.equal(page.split(`| \`${env}\` |`).length, 2, `${env} has not one row`);
    const folder = packageFile('engine/config/settings');
    const sources = readdirSync(folder).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
    );
    const named = sources.flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/'(TOLLGATE_[A-Z_]+[A-Z])'/g),
    ]);
    for (const [, name] of named) assert.match(page, new RegExp(`\`${name}\``), name);
  });

  it('should know every name that pages, units and templates use', () => {
    const entries = readdirSync(packageRoot, { recursive: true, encoding: 'utf8' });
    const files = entries.filter(
      (entry) =>
        /\.(md|service|target|yaml|sh)$|Dockerfile$|Makefile$/.test(entry) &&
        !/node_modules|^\.|^dist|^CHANGELOG/.test(entry),
    );
    assert.ok(files.length > 20);
    for (const file of files) {
      const text = readFileSync(join(packageRoot, file), 'utf8');
      const names = [...text.matchAll(/\bTOLLGATE_[A-Z_]*[A-Z]\b(?!_)/g)].map(([name]) => name);
      const environment = Object.fromEntries(names.map((name) => [name, 'x']));
      assert.deepEqual(unknownNames(environment), [], file);
    }
  });
});

describe('the pages', () => {
  it('should call what set-up has installed, never what npx may fetch', () => {
    const entries = readdirSync(packageRoot, { recursive: true, encoding: 'utf8' });
    const pages = entries.filter(
      (entry) => /\.md$|Makefile$/.test(entry) && !/node_modules|^\./.test(entry),
    );
    for (const page of pages.filter((text) => text !== 'CHANGELOG.md')) {
      const text = readFileSync(join(packageRoot, page), 'utf8');
      assert.doesNotMatch(text, /npx (tollgate|tsc|biome)/, page);
    }
  });
});
