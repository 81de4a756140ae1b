//! Which sites a program has.

use crate::CaptureError;
use crate::analyze::{Analysis, Site};
use crate::frame::Layout;
use crate::function::{Function, SiteKind};
use crate::liveness::WORK_MAX;

/// A loop that a program can be suspended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loop {
    /// How many operators are in it.
    pub operators: usize,
    /// The site of the poll at its header, whose continuation all the sites in the loop need.
    pub site: Site,
}

impl Analysis {
    /// Returns the function that a site is in, and the site's number there.
    pub(crate) fn function_with(&self, site: Site) -> Result<(Function<'_>, u32), CaptureError> {
        let index = self.function_of(site)?;
        if !self.may_suspend(index) {
            return Err(CaptureError::NoSuchSite(site));
        }
        let function = Function::of(self, index, &mut { WORK_MAX })?;
        match function.sites.binary_search_by_key(&site, |state| state.number) {
            Ok(local) => Ok((function, local as u32)),
            Err(_) => Err(CaptureError::NoSuchSite(site)),
        }
    }

    /// Returns how many references there are in the frames of a site: to functions, to values of the host, to exceptions.
    ///
    /// A stack's references are numbered by kind from its innermost frame on, so this tells which function holds one.
    ///
    /// # Errors
    ///
    /// Fails if there is no such site.
    pub fn references(&self, site: Site) -> Result<[usize; 3], CaptureError> {
        let (function, local) = self.function_with(site)?;
        let mut counts = [0; 3];
        Layout::of(&function, local)?.references().for_each(|kind| counts[kind as usize] += 1);
        Ok(counts)
    }

    /// Returns the sites of the module that can be reached.
    ///
    /// # Errors
    ///
    /// Fails if a function is larger than a captured one may be.
    pub fn sites(&self) -> Result<Vec<Site>, CaptureError> {
        let mut sites = Vec::new();
        for index in self.module.defined().filter(|index| self.may_suspend(*index)) {
            let function = Function::outline(self, index)?;
            sites.extend(function.sites.iter().map(|site| site.number));
        }
        Ok(sites)
    }

    /// Returns the loops of the module that can be reached.
    ///
    /// # Errors
    ///
    /// Fails if a function is larger than a captured one may be.
    pub fn loops(&self) -> Result<Vec<Loop>, CaptureError> {
        let mut loops = Vec::new();
        for index in self.module.defined().filter(|index| self.may_suspend(*index)) {
            let function = Function::outline(self, index)?;
            for site in function.sites.iter().filter(|site| site.kind == SiteKind::Poll) {
                let block = &function.blocks[site.block as usize];
                if block.is_loop && site.at == block.start + 1 {
                    loops.push(Loop { operators: block.end - block.start, site: site.number });
                }
            }
        }
        Ok(loops)
    }
}
