import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { packageFile } from '../../engine/util/paths.js';
import { productFiles, productionPackages } from './release.js';

describe('the tree of a host', () => {
  const files = new Set(productFiles());
  const packages = new Set(productionPackages());

  it('should have no development package and no test', () => {
    const { devDependencies } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
    // @types/node is also a dependency of a package that we run on.
    for (const name of Object.keys(devDependencies))
      if (!name.startsWith('@types/')) assert.ok(!packages.has(`node_modules/${name}`), name);
    assert.ok(packages.size > 100);
    for (const file of files)
      assert.doesNotMatch(file, /\.test\.js$|\/(e2e|prove|testing|checks)\//);
  });

  it('should have all that its own files import', () => {
    assert.ok(files.has('dist/ops/cli/main.js') && files.size > 200);
    for (const file of files) {
      const text = readFileSync(packageFile(file), 'utf8');
      for (const [, name] of text.matchAll(/(?:from|import|import\() ?'([^'\n]+)'/g)) {
        if (name!.startsWith('.'))
          assert.ok(files.has(join(dirname(file), name!)), `${file} imports ${name}`);
        else if (!isBuiltin(name!)) {
          const bare = name!.split('/').slice(0, name!.startsWith('@') ? 2 : 1);
          assert.ok(packages.has(`node_modules/${bare.join('/')}`), `${file} imports ${name}`);
        }
      }
    }
  });
});
