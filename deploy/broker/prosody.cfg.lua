-- What a Prosody 0.12 needs for Tenet beside its usual configuration. Put it above the first
-- VirtualHost: Prosody does not look for limits anywhere else.

-- The default of 10 KB/s per client delays large batches by many seconds.
limits = {
  c2s = { rate = "10mb/s", burst = "2s" };
}

-- Agents have long-lived connections and speak IQs; they need no history and no message queue. This
-- line may stand in the agents' VirtualHost instead, if other hosts need these modules.
modules_disabled = { "mam", "carbons", "csi_simple" }

-- Accounts: prosodyctl register server1 example.org, and so on for each agent and operator.
