// The part of GET /stats?format=json that tests look at, with the field names of the wire.

export interface Stats {
  readonly health: string;
  readonly draining?: boolean;
  readonly draining_messages?: number;
  readonly topics: readonly TopicStats[] | null;
  readonly producers: readonly ClientStats[] | null;
}

export interface TopicStats {
  readonly topic_name: string;
  readonly channels: readonly ChannelStats[];
  readonly depth: number;
  readonly backend_depth: number;
  readonly message_count: number;
  readonly message_bytes: number;
  /** Only when they are not 0. */
  readonly refused_count?: number;
  readonly dropped_count?: number;
  readonly expired_count?: number;
  readonly paused: boolean;
}

export interface ChannelStats {
  readonly channel_name: string;
  readonly depth: number;
  readonly backend_depth: number;
  readonly in_flight_count: number;
  readonly deferred_count: number;
  readonly message_count: number;
  readonly requeue_count: number;
  readonly timeout_count: number;
  /** Only when it is not 0. */
  readonly dead_letter_count?: number;
  readonly dropped_count?: number;
  readonly expired_count?: number;
  readonly client_count: number;
  readonly clients: readonly ClientStats[] | null;
  readonly paused: boolean;
}

export interface ClientStats {
  readonly client_id: string;
  readonly hostname: string;
  readonly remote_address: string;
  readonly state: number;
  readonly ready_count: number;
  readonly in_flight_count: number;
  readonly message_count: number;
  readonly finish_count: number;
  readonly requeue_count: number;
  readonly sample_rate: number;
  readonly user_agent: string;
  readonly authed?: boolean;
  readonly auth_identity?: string;
  readonly auth_identity_url?: string;
}
