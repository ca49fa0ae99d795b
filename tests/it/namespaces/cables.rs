//! What lies between machines: switches, the cables to them, and routers as they stand in people's homes.

use super::machine::Machine;

/// As most routers of homes: all machines behind it show one address, and what nobody inside asked for is dropped.
pub(super) const DROPS_STRANGERS: &str = r#"
table ip router {
  chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
  chain through { type filter hook forward priority filter; iifname "wan" ct state new,invalid drop; }
  chain in { type filter hook input priority filter; iifname "wan" ct state new,invalid drop; }
}
"#;

/// Tells strangers that nobody is there. So it remembers them, and gives whoever inside writes to them later another
/// port than the tracker saw.
pub(super) const ANSWERS_STRANGERS: &str = r#"
table ip router {
  chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
  chain through { type filter hook forward priority filter; iifname "wan" ct state new,invalid drop; }
}
"#;

/// Shows each machine outside another port of those inside.
pub(super) const SHIFTS_PORTS: &str = r#"
table ip router {
  chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade random; }
  chain through { type filter hook forward priority filter; iifname "wan" ct state new,invalid drop; }
  chain in { type filter hook input priority filter; iifname "wan" ct state new,invalid drop; }
}
"#;

/// The next hop of every machine on the Internet.
const INTERNET: &str = "198.51.100.1";

/// What joins machines to one local network, as the switch or the Wi-Fi of a house does.
#[derive(Debug)]
pub(super) struct Switch {
    machine: Machine,
    ports: u32,
}

/// The cable from a switch to a machine.
#[derive(Debug)]
pub(super) struct Cable {
    port: String,
}

impl Switch {
    pub(super) fn new() -> Self {
        let machine = Machine::new("switch");
        machine.ip(&["link", "add", "lan", "type", "bridge"]);
        machine.ip(&["link", "set", "lan", "up"]);
        Self { machine, ports: 0 }
    }

    /// Lays a cable to an interface of a machine, which has these addresses there, each with its network's length.
    pub(super) fn plug(&mut self, machine: &Machine, interface: &str, addresses: &[&str]) -> Cable {
        let port = format!("p{}", self.ports);
        self.ports += 1;
        let end = ["type", "veth", "peer", "name", interface, "netns", machine.name()];
        self.machine.ip(&[&["link", "add", &port][..], &end].concat());
        self.machine.ip(&["link", "set", &port, "master", "lan", "up"]);
        for address in addresses {
            machine.has_address(interface, address);
        }
        machine.ip(&["link", "set", interface, "up"]);
        Cable { port }
    }

    /// A machine with one cable to this switch, at its interface e0.
    pub(super) fn machine(&mut self, role: &str, address: &str) -> Machine {
        let machine = Machine::new(role);
        self.plug(&machine, "e0", &[address]);
        machine
    }

    /// A machine that reaches what is outside of this network through its router.
    pub(super) fn machine_behind(&mut self, router: &str, role: &str, address: &str) -> Machine {
        let machine = self.machine(role, address);
        machine.ip(&["route", "add", "default", "via", router]);
        machine
    }

    pub(super) fn cut(&self, cable: &Cable) {
        self.machine.ip(&["link", "set", &cable.port, "down"]);
    }

    pub(super) fn mend(&self, cable: &Cable) {
        self.machine.ip(&["link", "set", &cable.port, "up"]);
    }
}

/// Joins machines as the Internet does: each is in a network of its own, so that what is meant for a local network
/// alone reaches nobody.
#[derive(Debug)]
pub(super) struct Internet {
    machine: Machine,
    ports: u32,
}

impl Internet {
    pub(super) fn new() -> Self {
        let machine = Machine::new("internet");
        machine.ip(&["addr", "add", INTERNET, "dev", "lo"]);
        machine.forwards();
        Self { machine, ports: 0 }
    }

    /// A machine that has this address, which is given without its network's length.
    pub(super) fn machine(&mut self, role: &str, address: &str) -> Machine {
        let machine = Machine::new(role);
        let port = format!("p{}", self.ports);
        self.ports += 1;
        let end = ["type", "veth", "peer", "name", "e0", "netns", machine.name()];
        self.machine.ip(&[&["link", "add", &port][..], &end].concat());
        self.machine.ip(&["link", "set", &port, "up"]);
        self.machine.ip(&["route", "add", address, "dev", &port]);
        machine.has_address("e0", &format!("{address}/32"));
        machine.ip(&["link", "set", "e0", "up"]);
        machine.ip(&["route", "add", INTERNET, "dev", "e0"]);
        machine.ip(&["route", "add", "default", "via", INTERNET, "src", address]);
        machine
    }
}

/// A router that lets those inside out, and no stranger in.
pub(super) fn home_router(
    outside: &mut Switch,
    outer: &str,
    inside: &mut Switch,
    inner: &str,
) -> Machine {
    router_with(DROPS_STRANGERS, outside, outer, inside, inner)
}

/// A router that lets those inside out, by rules of its own.
pub(super) fn router_with(
    rules: &str,
    outside: &mut Switch,
    outer: &str,
    inside: &mut Switch,
    inner: &str,
) -> Machine {
    let router = Machine::new("router");
    outside.plug(&router, "wan", &[outer]);
    inside.plug(&router, "lan", &[inner]);
    router.rules(rules);
    router.forwards();
    router
}
