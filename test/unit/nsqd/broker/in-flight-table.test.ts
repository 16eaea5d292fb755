// The table against the obvious version of itself: a Map by id, sorted when somebody asks for the earliest deadline.

import { describe, expect, it } from 'vitest';

import { InFlightTable, NO_SLOT } from '../../../../src/nsqd/broker/in-flight-table.js';
import type { Subscriber } from '../../../../src/nsqd/broker/subscriber.js';
import { Chunk } from '../../../../src/nsqd/storage/chunk.js';
import { ID_OFFSET } from '../../../../src/nsqd/storage/record.js';
import { encodeRecord, storedMessage } from '../../../support/data-directory.js';
import { Prng } from '../../../support/prng.js';
import { processorMs } from '../../../support/processor-time.js';
import { connection, CLIENT } from '../stats/fixtures.js';

const CHUNK = new Chunk({ chunkDone: () => {}, loadChunk: () => new Uint8Array() }, null, 0, 0);

function owner(messageTimeoutMs: number): Subscriber {
  return Object.assign(connection(CLIENT), { messageTimeoutMs });
}

function idOf(number: number): string {
  return (0x18a27a6faee05000n + BigInt(number)).toString(16).padStart(16, '0');
}

function add(table: InFlightTable, id: string, by: Subscriber, nowMs: number, attempts = 1, position = 0): void {
  table.add(encodeRecord(storedMessage('x', { id })), 0, CHUNK, position, attempts, by, nowMs);
}

function find(table: InFlightTable, id: string): number {
  return table.find(Buffer.from(`..${id}`, 'latin1'), 2);
}

describe('InFlightTable', () => {
  it('finds nothing while it is empty', () => {
    expect([find(new InFlightTable(), idOf(0)), new InFlightTable().first()]).toEqual([NO_SLOT, NO_SLOT]);
  });

  it('keeps everything about a message', () => {
    const table = new InFlightTable();
    const by = owner(500);
    table.add(Buffer.concat([Buffer.alloc(7), encodeRecord(storedMessage('x', { id: idOf(9) }))]), 7, CHUNK, 4711, 65535, by, 1000);
    const slot = find(table, idOf(9));
    expect([table.positions[slot], table.attempts[slot], table.deliveredMs[slot], table.deadlineMs[slot]]).toEqual([4711, 65535, 1000, 1500]);
    expect([table.owners[slot], table.chunks[slot], table.idAt(slot)]).toEqual([by, CHUNK, idOf(9)]);
  });

  it.each([1, 7, 300, 1000])('tells which were delivered first, whatever their deadlines: %i of 300', (countMax) => {
    const table = new InFlightTable();
    const prng = new Prng(countMax);
    const owners = [owner(10), owner(500)];
    const deliveredMs = Array.from({ length: 300 }, () => prng.integer(0, 10_000));
    deliveredMs.forEach((nowMs, index) => add(table, idOf(index), owners[index % 2]!, nowMs));
    for (let index = 0; index < 300; index += 3) table.setDeadline(find(table, idOf(index)), 10, 20_000 + index);
    const found = table.longestOut(countMax).map((message) => message.deliveredMs);
    expect(found).toEqual(deliveredMs.toSorted((a, b) => a - b).slice(0, countMax));
  });

  it('tells ids apart that differ in one byte, whatever the bytes are', () => {
    const table = new InFlightTable();
    const base = Buffer.from('18a27a6faee05000', 'latin1');
    const ids = [base.toString('latin1')];
    for (let at = 0; at < 16; at += 1) {
      const id = Buffer.from(base);
      id[at] = 0xff;
      ids.push(id.toString('latin1'));
    }
    for (const id of ids) add(table, id, owner(10), 0);
    expect(new Set(ids.map((id) => find(table, id))).size).toBe(17);
    expect(ids.map((id) => table.idAt(find(table, id)))).toEqual(ids);
  });

  it('expires messages of several timeouts in the order of their deadlines', () => {
    const table = new InFlightTable();
    add(table, idOf(1), owner(300), 0);
    add(table, idOf(2), owner(100), 50);
    add(table, idOf(3), owner(300), 10);
    add(table, idOf(4), owner(100), 60);
    const order: string[] = [];
    for (let slot = table.first(); slot !== NO_SLOT; slot = table.first()) {
      order.push(table.idAt(slot));
      table.remove(slot);
    }
    expect(order).toEqual([2, 4, 1, 3].map(idOf));
  });

  it('sorts a deadline that was moved in among the others of its lane', () => {
    const table = new InFlightTable();
    for (let number = 0; number < 4; number += 1) add(table, idOf(number), owner(100), number * 10);
    table.setDeadline(find(table, idOf(0)), 100, 115);
    expect(table.idAt(table.first())).toBe(idOf(1));
    table.remove(find(table, idOf(1)));
    expect(table.idAt(table.first())).toBe(idOf(0));
    table.checkInvariants();
  });

  it('uses lanes again whose timeout nobody has any more', () => {
    const table = new InFlightTable();
    for (let timeout = 1; timeout < 1000; timeout += 1) {
      add(table, idOf(timeout), owner(timeout), 0);
      table.remove(find(table, idOf(timeout)));
    }
    add(table, idOf(1), owner(5), 0);
    expect(table.deadlineMs[table.first()]).toBe(5);
  });

  it('lets its slots be removed while they are listed', () => {
    const table = new InFlightTable();
    for (let number = 0; number < 50; number += 1) add(table, idOf(number), owner(10), 0);
    let count = 0;
    for (const slot of table.slots()) {
      table.remove(slot);
      count += 1;
    }
    expect([count, table.size, [...table.slots()]]).toEqual([50, 0, []]);
  });

  it.each([1, 2, 3])('does what a Map does, over many random operations (seed %i)', (seed) => {
    const prng = new Prng(seed);
    const table = new InFlightTable();
    const oracle = new Map<string, { deadlineMs: number; attempts: number; position: number }>();
    const owners = [owner(100), owner(1000), owner(1000), owner(60_000)];
    let nowMs = 0;
    for (let step = 0; step < 6000; step += 1) {
      nowMs += prng.integer(0, 3);
      const id = idOf(prng.integer(0, 400));
      const slot = find(table, id);
      const known = oracle.get(id);
      if ((slot !== NO_SLOT) !== (known !== undefined)) throw new Error(`step ${step}: ${id} is ${known === undefined ? 'not ' : ''}in flight`);
      if (known === undefined) {
        const by = prng.pick(owners);
        const [attempts, position] = [prng.integer(0, 65535), prng.integer(0, 2 ** 31 - 1)];
        add(table, id, by, nowMs, attempts, position);
        oracle.set(id, { deadlineMs: nowMs + by.messageTimeoutMs, attempts, position });
      } else if (prng.next() < 0.3) {
        const { messageTimeoutMs } = table.owners[slot]!;
        known.deadlineMs = Math.min(nowMs + messageTimeoutMs, table.deliveredMs[slot]! + 1500);
        table.setDeadline(slot, messageTimeoutMs, known.deadlineMs);
      } else {
        if (table.attempts[slot] !== known.attempts || table.positions[slot] !== known.position) throw new Error(`step ${step}: another message`);
        table.remove(slot);
        oracle.delete(id);
      }
      const earliest = Math.min(Infinity, ...[...oracle.values()].map(({ deadlineMs }) => deadlineMs));
      const first = table.first();
      if ((first === NO_SLOT ? Infinity : table.deadlineMs[first]) !== earliest) throw new Error(`step ${step}: another deadline is first`);
      if (step % 100 === 0) table.checkInvariants();
    }
    expect([...table.slots()].map((slot) => table.idAt(slot)).sort()).toEqual([...oracle.keys()].sort());
    expect(table.size).toBe(oracle.size);
  });

  it('hashes rising ids apart: many of them are found without a long search', () => {
    const table = new InFlightTable();
    const count = 50_000;
    const bytes = encodeRecord(storedMessage('x'));
    for (let number = 0; number < count; number += 1) {
      bytes.write(idOf(number), ID_OFFSET, 'latin1');
      table.add(bytes, 0, CHUNK, 0, 1, owner60, 0);
    }
    const costMs = processorMs(() => {
      for (let number = 0; number < count; number += 1) {
        bytes.write(idOf(number), ID_OFFSET, 'latin1');
        table.find(bytes, ID_OFFSET);
      }
    });
    // Some microseconds each, on any machine; chains of thousands would take minutes.
    expect(costMs).toBeLessThan(5000);
  });
});

const owner60 = owner(60_000);
