import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { listenOn } from './listening.js';

describe('listening on a port', () => {
  it('should name who has it, and the setting that moves it', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const listen = (): Promise<unknown> => {
      const second = createServer().listen(port, '127.0.0.1');
      return once(second, 'listening');
    };
    await assert.rejects(listenOn(port, 'TOLLGATE_X_PORT', listen), {
      code: 'port_taken',
      message: new RegExp(
        `^127.0.0.1:${port} is taken by process ${process.pid} .*: set TOLLGATE_X_PORT`,
      ),
    });
    holder.close();
    await once(holder, 'close');
    await assert.rejects(
      listenOn(port, 'TOLLGATE_X_PORT', () => Promise.reject(new Error('a schema is wrong'))),
      /^Error: a schema is wrong$/,
    );
  });
});
