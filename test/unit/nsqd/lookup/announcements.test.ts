import { describe, expect, it } from 'vitest';

import { Announcements, registrationName } from '../../../../src/nsqd/lookup/announcements.js';
import { Prng, seedOfRun } from '../../../support/prng.js';
import { processorMs } from '../../../support/processor-time.js';

function all(announcements: Announcements): string[] {
  const commands: string[] = [];
  for (let command = announcements.next(); command !== null; command = announcements.next()) commands.push(command);
  return commands;
}

describe('what an nsqlookupd is told', () => {
  it('is in the order in which it happened', () => {
    const announcements = new Announcements();
    announcements.created(registrationName('t', null));
    announcements.created(registrationName('t', 'c#ephemeral'));
    announcements.deleted(registrationName('old', null));
    expect(all(announcements)).toEqual(['REGISTER t', 'REGISTER t c#ephemeral', 'UNREGISTER old']);
    expect(announcements.next()).toBeNull();
    announcements.created('later');
    expect(all(announcements)).toEqual(['REGISTER later']);
  });

  it.each<[string, readonly ('created' | 'deleted')[], readonly string[]]>([
    ['nothing of what came and went', ['created', 'deleted'], []],
    ['once what came twice', ['created', 'created'], ['REGISTER t']],
    ['once what went twice', ['deleted', 'deleted'], ['UNREGISTER t']],
    ['both of what went and came, which ends a tombstone', ['deleted', 'created'], ['UNREGISTER t', 'REGISTER t']],
    ['only the end of what went, came and went', ['deleted', 'created', 'deleted'], ['UNREGISTER t']],
  ])('is %s', (_, events, commands) => {
    const announcements = new Announcements();
    for (const event of events) announcements[event]('t');
    expect(all(announcements)).toEqual(commands);
  });

  it('is nothing after clear', () => {
    const announcements = new Announcements();
    announcements.created('a');
    announcements.next();
    announcements.created('b');
    announcements.clear();
    expect(announcements.next()).toBeNull();
    announcements.created('c');
    expect(all(announcements)).toEqual(['REGISTER c']);
  });

  it('leaves the nsqlookupd with what exists, whatever the order and the pauses', () => {
    const random = new Prng(seedOfRun());
    const announcements = new Announcements();
    const existing = new Set<string>();
    const known = new Set<string>();
    const tell = (): boolean => {
      const command = announcements.next();
      if (command === null) return false;
      const [verb = '', name = ''] = command.split(' ');
      if (verb === 'REGISTER') known.add(name);
      else known.delete(name);
      return true;
    };
    for (let step = 0; step < 5_000; step += 1) {
      const name = `t${random.integer(1, 20)}`;
      if (random.integer(1, 3) === 1) {
        tell();
      } else if (existing.delete(name)) {
        announcements.deleted(name);
      } else {
        existing.add(name);
        announcements.created(name);
      }
    }
    while (tell());
    expect([...known].sort(), `seed ${random.seed}`).toEqual([...existing].sort());
  });

  it('is told in time proportional to its length', () => {
    const announcements = new Announcements();
    const costMs = processorMs(() => {
      for (let index = 0; index < 200_000; index += 1) announcements.created(`t${index}`);
      while (announcements.next() !== null);
    });
    expect(costMs).toBeLessThan(5_000);
  });
});
