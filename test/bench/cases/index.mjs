// All cases, in the order in which they run.
//
// A case has: name, title; group, quick or full; setups, a kind of setups.mjs; figure, the one the table shows; goals; run,
// which does it and returns figures (see figures.mjs). Perhaps: prepare(dataPath, scaled), before the daemon starts;
// filesMin, how many files a process must be able to open; isPaced, when the rate is none that should be high, and the
// probe of the event loop would be in the way.
//
// A goal is { figure, ratioFrom | ratioTo } against the other daemon (`against`, if not `peer`), or { figure, below }.

import { bodyCases } from './bodies.mjs';
import { bothCases } from './both.mjs';
import { channelCases } from './channels.mjs';
import { deliverCases } from './deliver.mjs';
import { diskCases } from './disk.mjs';
import { flatCases } from './flat.mjs';
import { latencyCases } from './latency.mjs';
import { layerCases } from './layers.mjs';
import { memoryCases } from './memory.mjs';
import { publishCases } from './publish.mjs';
import { startCases } from './start.mjs';
import { topicCases } from './topics.mjs';

export const CASES = [
  ...publishCases,
  ...deliverCases,
  ...bothCases,
  ...channelCases,
  ...topicCases,
  ...diskCases,
  ...bodyCases,
  ...layerCases,
  ...latencyCases,
  ...memoryCases,
  ...startCases,
  ...flatCases,
];
