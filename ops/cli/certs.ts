/** `tollgate certs`: the development CA and the certificates of every inner hop. */
import { join, resolve } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import { stackConfig } from '../../engine/config/config.js';
import { initPki, LEAF_DAYS, rotate } from '../deploy/pki/authority.js';
import { ROLES, type Role } from '../deploy/pki/roles.js';
import { loadCertificates, runningCluster } from '../local/rotation.js';

export function registerCerts(program: Command): void {
  const dir = new Option('--dir <dir>', 'where the certificates are (default: HOME/pki)');
  const certs = program
    .command('certs')
    .description('a development CA and its certificates: one file a role, key and certificate');
  certs
    .command('init')
    .description('make a CA and a certificate for every role')
    .addOption(dir)
    .action((options: { dir?: string }) => {
      const dir = options.dir ?? defaultDir();
      initPki(dir);
      console.log(`${dir}: ca.pem, and for ${LEAF_DAYS} days ${ROLES.join(', ')}`);
    });
  certs
    .command('rotate')
    .description('new keys and certificates; a cluster that runs here takes them at once')
    .addArgument(new Argument('[roles...]', 'default: all').choices(ROLES))
    .addOption(dir)
    .action(async (roles: Role[], options: { dir?: string }) => {
      const dir = options.dir ?? defaultDir();
      const chosen = roles.length > 0 ? roles : ROLES;
      rotate(dir, chosen);
      console.log(`${dir}: new for ${LEAF_DAYS} days: ${chosen.join(', ')}`);
      const { home } = stackConfig();
      const cluster = runningCluster(home);
      if (cluster?.pki !== resolve(dir)) return;
      await loadCertificates(home, cluster, chosen);
      console.log('the running cluster has loaded them');
    });
}

function defaultDir(): string {
  return join(stackConfig().home, 'pki');
}
