#!/usr/bin/env node
import '../dist/nsqd/main.js';
