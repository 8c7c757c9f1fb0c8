import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import avsc from 'avsc';
import { packageFile } from '../util/paths.js';
import * as records from './records.js';

/** releases/<version>.json: for each record its schema then, and one value in that release's bytes. */
interface Release {
  readonly [name: string]: { readonly schema: avsc.Schema; readonly bytes: string };
}
const folder = packageFile('engine/codec/releases');
const codecs = [
  records.checkoutAccepted,
  records.commandRequested,
  records.webhookReceived,
  records.paymentStatus,
  records.deadLetter,
  records.retryTicket,
];

describe('records of released versions', () => {
  it('should all stand in the newest release', () => {
    const newest = readdirSync(folder).sort().at(-1)!;
    const release = JSON.parse(readFileSync(`${folder}/${newest}`, 'utf8')) as Release;
    assert.deepEqual(Object.keys(release).sort(), codecs.map((codec) => codec.name).sort());
  });
  for (const file of readdirSync(folder)) {
    const release = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Release;
    // A record that came later is not in an earlier release.
    for (const { name } of codecs.filter((codec) => release[codec.name])) {
      it(`should be readable by today's schema: ${name} of ${file}`, () => {
        const then = release[name]!;
        const today = JSON.parse(
          readFileSync(packageFile(`engine/codec/schemas/${name}.avsc`), 'utf8'),
        );
        const reader = avsc.Type.forSchema(today);
        const writer = avsc.Type.forSchema(then.schema);
        const resolver = reader.createResolver(writer);
        const datum = Buffer.from(then.bytes, 'base64').subarray(10);
        assert.ok(reader.isValid(reader.fromBuffer(datum, resolver)));
      });
      it(`should be decoded by today's codec: ${name} of ${file}`, () => {
        const codec = codecs.find((entry) => entry.name === name)!;
        const record = codec.decode(Buffer.from(release[name]!.bytes, 'base64'));
        assert.ok(codec.recognises(codec.encode(record as never)));
      });
      it(`should still carry the fingerprint this release knows: ${name} of ${file}`, () => {
        const codec = codecs.find((entry) => entry.name === name)!;
        assert.ok(codec.recognises(Buffer.from(release[name]!.bytes, 'base64')));
      });
    }
  }
});
