//! What Compose can say and a blueprint can't, each with the reason and the way out.

const OWN_NETWORK: &str = "every site has its own private network and nothing else: remove it";
const OWN_KERNEL: &str = "sharing the machine's namespaces or devices ends the isolation of sites: remove it";
const PLATFORM: &str = "the platform sets this for every service: remove it";
const LIMITS: &str = "limits are written below deploy.resources.limits (cpus and memory): move it there";

/// Keys beside `services`.
pub(super) const FILE: &[(&str, &str)] = &[
    ("version", "Compose files have no version any more: remove it"),
    ("name", "the platform names the project of every site: remove it"),
    ("networks", OWN_NETWORK),
    ("secrets", "secrets are variables with a generator in x-stoa.variables: remove it"),
    ("configs", "configuration is part of the image or comes by environment: remove it"),
    ("include", "a blueprint is one file: copy what is included into it"),
];

/// Keys of a service.
pub(super) const SERVICE: &[(&str, &str)] = &[
    ("privileged", "a privileged container owns the machine: remove it, and put capabilities it needs into cap_add"),
    ("network_mode", OWN_NETWORK),
    ("networks", OWN_NETWORK),
    ("mac_address", OWN_NETWORK),
    ("extra_hosts", OWN_NETWORK),
    ("dns", OWN_NETWORK),
    ("links", "services of a site reach one another by their names: remove it"),
    ("external_links", OWN_NETWORK),
    ("ports", "nothing is published on the machine: remove it, and name the service and port in x-stoa.route"),
    ("expose", "services of a site reach one another on all ports: remove it"),
    ("pid", OWN_KERNEL),
    ("ipc", OWN_KERNEL),
    ("uts", OWN_KERNEL),
    ("userns_mode", OWN_KERNEL),
    ("cgroup", OWN_KERNEL),
    ("cgroup_parent", OWN_KERNEL),
    ("devices", OWN_KERNEL),
    ("device_cgroup_rules", OWN_KERNEL),
    ("gpus", OWN_KERNEL),
    ("runtime", OWN_KERNEL),
    ("isolation", OWN_KERNEL),
    ("credential_spec", OWN_KERNEL),
    ("use_api_socket", OWN_KERNEL),
    ("sysctls", "kernel settings are the machine's business: remove it"),
    ("ulimits", "kernel settings are the machine's business: remove it"),
    ("group_add", "further groups could own files of the machine: remove it, and name one group in user"),
    ("build", "a blueprint runs finished images: build it beforehand and write image"),
    ("env_file", "files of the machine are not read: write the values into environment"),
    ("extends", "a blueprint is one file: copy what is extended into the service"),
    ("volumes_from", "name the volumes themselves in volumes"),
    ("secrets", "secrets come by environment, from variables with a generator in x-stoa.variables: remove it"),
    ("configs", "configuration is part of the image or comes by environment: remove it"),
    ("container_name", "the platform names the containers of every site: remove it"),
    ("hostname", "a service's hostname is its name: remove it"),
    ("domainname", "a service's hostname is its name: remove it"),
    ("labels", PLATFORM),
    ("annotations", PLATFORM),
    ("logging", PLATFORM),
    ("oom_score_adj", PLATFORM),
    ("oom_kill_disable", PLATFORM),
    ("pull_policy", PLATFORM),
    ("scale", "a service is exactly one container: remove it"),
    ("mem_limit", LIMITS),
    ("memswap_limit", LIMITS),
    ("mem_reservation", LIMITS),
    ("cpus", LIMITS),
    ("cpu_shares", LIMITS),
    ("cpu_quota", LIMITS),
];

/// Keys of a named volume.
pub(super) const VOLUME: &[(&str, &str)] = &[
    ("external", "a site owns its volumes: remove it"),
    ("name", "the platform names the volumes of every site: remove it"),
    ("driver", "volumes lie where the engine keeps them: remove it"),
    ("driver_opts", "options of a driver can mount any path of the machine: remove it"),
    ("labels", PLATFORM),
];

/// Keys of a service's `deploy`.
pub(super) const DEPLOY: &[(&str, &str)] = &[
    ("replicas", "a service is exactly one container: remove it"),
    ("mode", "a service is exactly one container: remove it"),
    ("placement", "the platform places sites: remove it"),
    ("labels", PLATFORM),
    ("restart_policy", PLATFORM),
    ("update_config", PLATFORM),
];

/// Capabilities that a container may keep: what entry points need to prepare a directory and step
/// down to an unprivileged user. Nothing here reaches past the container.
pub(super) const CAPABILITIES: &[&str] =
    &["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];
