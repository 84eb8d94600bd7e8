//! Log-ins of one connection that wait for the server's answer: the part that SMB and DCE/RPC have in common.
//!
//! Owns: what was asked, what was told already. Never does: reading messages.

use crate::Context;
use crate::account::Account;
use egret_model::{Evidence, Side, Timestamp};

/// The log-ins of one connection, one at a time.
#[derive(Default)]
pub(crate) struct Logins {
    /// One that waits for its answer.
    asked: Option<(Timestamp, Side, Account)>,
    told: Vec<Account>,
}

impl Logins {
    /// Somebody asks to be let in. Whoever asked before and was not answered remains a claim.
    pub(crate) fn asked(&mut self, context: &mut Context<'_>, from: Side, account: Account) {
        self.answered(context, None);
        self.asked = Some((context.now(), from, account));
    }

    /// The answer has come; None: it will not come any more.
    pub(crate) fn answered(&mut self, context: &mut Context<'_>, accepted: Option<bool>) {
        let Some((at, from, account)) = self.asked.take() else { return };
        if accepted == Some(false) || self.told.contains(&account) || self.are_enough(context) {
            return;
        }
        let ip = context.flow.endpoint(from).ip;
        context.sighting(account.sighting(ip, Evidence::Ntlm, accepted.is_some(), at));
        self.told.push(account);
    }

    /// True once as many accounts were told as one connection may name.
    pub(crate) fn are_enough(&self, context: &Context<'_>) -> bool {
        self.told.len() >= context.limits.witness_names
    }
}
