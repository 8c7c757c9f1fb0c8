/** The request checksum through the edge, as the merchant `signed`: nginx changes no signed byte. */
import type { Credentials } from '../../client/credentials.js';
import { EdgeFixture } from '../../testing/edge-fixture.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { showChecksums } from './checksum.js';

export const edgeChecksum: Proof = {
  name: 'edge-checksum',
  shows:
    'through the edge a signed request is taken, and refused when missing, changed, kept or for something else; unsigned merchants go on',
  async run(stage: Stage) {
    const edge = await EdgeFixture.start();
    try {
      const { keys, secrets } = edge.credentials;
      const of = (merchant: string): Credentials => ({
        key: keys[merchant]!,
        ...(secrets[merchant] ? { checksumSecret: secrets[merchant] } : {}),
      });
      const target = { api: `https://127.0.0.1:${edge.port}`, ca: edge.ca };
      await showChecksums(stage, { ...target, signed: of('signed'), unsigned: of('alpha') });
    } finally {
      await edge.stop();
    }
  },
};
