// A data file with damage inside: the daemon starts, delivers what it can read, and says what it cannot.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { bodiesOf, drain, numbered } from '../support/consume.js';
import { Daemon, isStock } from '../support/daemon.js';
import { dataFileNumbers, dataFilePath } from '../support/data-directory.js';

describe.skipIf(isStock)('a damaged file', () => {
  it('costs the damaged messages, which are kept aside and counted', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=damaged', numbered(100).join('\n'));
    await daemon.kill();
    const path = dataFilePath(daemon.dataPath, 'damaged', dataFileNumbers(daemon.dataPath, 'damaged')[0]!);
    const content = readFileSync(path);
    const at = content.indexOf(`${numbered(100)[40]!}`) - 20;
    writeFileSync(path, content.fill(0, at, at + 60));
    await daemon.restart();
    expect(daemon.output.match(/is damaged: \d+ bytes from offset \d+ set aside in /g)).toHaveLength(1);
    const bodies = bodiesOf(await drain(daemon, 'damaged', 'c'));
    expect(bodies.length).toBeGreaterThanOrEqual(96);
    // Of damage to a body nobody can know.
    expect(bodies.filter((body) => numbered(100).includes(body)).length).toBeGreaterThanOrEqual(bodies.length - 1);
    expect(bodies).toEqual(expect.arrayContaining([...numbered(38), ...numbered(100).slice(44)]));
    const aside = readFileSync(`${path}.bad`);
    expect(await daemon.stats()).toMatchObject({ health: 'OK', set_aside: { files: 1, bytes: aside.length, gaps: 1 } });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect(readFileSync(`${path}.bad`)).toEqual(aside);
  });
});
