/** `tollgate nginx`: the configuration of every nginx, written from a topology file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { nginxFiles } from '../deploy/nginx/files.js';
import { readTopology } from '../deploy/topology/topology.js';

export function registerNginx(program: Command): void {
  program
    .command('nginx')
    .description('write edge.conf, one shard-N.conf a shard, and the hosts file that names them')
    .requiredOption('--topology <file>', 'JSON: shards, edge, limits, providers')
    .requiredOption('--out <dir>', 'where to write; a running nginx takes it at SIGHUP')
    .action((options: { topology: string; out: string }) => {
      const files = nginxFiles(readTopology(options.topology));
      mkdirSync(options.out, { recursive: true });
      for (const [name, text] of Object.entries(files)) {
        writeFileSync(join(options.out, name), text, { mode: 0o644 });
        console.log(join(options.out, name));
      }
    });
}
