/**
 * The four certificates that every hop must refuse: none, one that has run out, one of a
 * foreign CA, another role's. The right one is taken before and after, so that a refusal is
 * not just a server that is down.
 */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { caFile, initPki, issue, roleFile } from '../../deploy/pki/authority.js';
import type { Role } from '../../deploy/pki/roles.js';
import type { Stage } from '../../testing/proof.js';

/** Folders of `tollgate certs`. */
export interface Certificates {
  readonly right: string;
  readonly foreign: string;
  readonly expired: string;
}

/** What a peer trusts, and what it shows, if anything: a file with key and certificate. */
export interface Peer {
  readonly ca: string;
  readonly identity: string | undefined;
}

export interface Hop {
  readonly name: string;
  readonly role: Role;
  readonly otherRole: Role;
  /** Resolves with undefined when the peer was served, else with why it was not. */
  readonly refusal: (peer: Peer) => Promise<string | undefined>;
}

export function makeCertificates(home: string): Certificates {
  const [right, foreign, expired] = ['right', 'foreign', 'expired'].map((text) => join(home, text));
  mkdirSync(home, { recursive: true });
  initPki(right!);
  initPki(foreign!);
  cpSync(right!, expired!, { recursive: true });
  return { right: right!, foreign: foreign!, expired: expired! };
}

export async function showRefusals(stage: Stage, hop: Hop, from: Certificates): Promise<void> {
  issue(from.expired, hop.role, -1);
  const ca = caFile(from.right);
  const right: Peer = { ca, identity: roleFile(from.right, hop.role) };
  const bad: [string, Peer][] = [
    ['none', { ca, identity: undefined }],
    ['expired', { ca, identity: roleFile(from.expired, hop.role) }],
    ['foreign', { ca, identity: roleFile(from.foreign, hop.role) }],
    [`${hop.otherRole}'s`, { ca, identity: roleFile(from.right, hop.otherRole) }],
    ['right, but the server is foreign', { ...right, ca: caFile(from.foreign) }],
  ];
  const before = await hop.refusal(right);
  stage.must(before === undefined, `${hop.name}: the right certificate is refused: ${before}`);
  await Promise.all(
    bad.map(async ([what, peer]) => {
      const refusal = await hop.refusal(peer);
      stage.figure(`${hop.name}: ${what}`, refusal ?? 'TAKEN');
      stage.must(refusal !== undefined, `${hop.name} takes this certificate: ${what}`);
    }),
  );
  const after = await hop.refusal(right);
  stage.must(after === undefined, `${hop.name}: the right certificate is refused: ${after}`);
}
