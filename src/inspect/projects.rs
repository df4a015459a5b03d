//! Which projects of a repository changed files belong to.

use std::collections::BTreeSet;

/// The projects of a repository by their paths.
#[derive(Debug, Clone, Default)]
pub struct Projects {
    /// Names and paths in the order of the runbook.
    pub named: Vec<(String, Vec<String>)>,
    /// Paths that every project depends on.
    pub shared: Vec<String>,
    /// Names that are deployed together.
    pub coupled: Vec<Vec<String>>,
}

/// Projects that are deployed together.
pub type Leg = Vec<String>;

/// What a set of files touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Projects with a file of their own among them, in the order of the runbook.
    pub directly: Vec<String>,
    /// Projects to test and deploy: those, the ones coupled with them, and all when a shared path is touched.
    pub all: Vec<String>,
    /// A shared path is touched.
    pub shared: bool,
}

/// A path from the root of a repository as it is compared: without `./` and a final `/`; `.` is the whole repository.
///
/// # Errors
/// Words, when the path cannot be one.
pub fn normal(path: &str) -> Result<String, &'static str> {
    let inner = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    match inner {
        _ if path.starts_with('/') => Err("begins with `/`; paths are relative to the root of the repository"),
        "" => Err("is empty; the whole repository is `.`"),
        "." => Ok(String::new()),
        _ if inner.split('/').any(|part| matches!(part, "" | "." | "..")) => {
            Err("has a part that is empty, `.` or `..`")
        }
        _ if inner.contains(['*', '?', '[']) => Err("is a pattern; write the directory"),
        _ if inner.chars().any(char::is_control) => Err("holds a control character"),
        _ => Ok(inner.to_string()),
    }
}

impl Projects {
    /// What these files touch. A file belongs to the longest path it stands under.
    pub fn touched<'a>(&self, files: impl IntoIterator<Item = &'a str>) -> Touched {
        let owners: BTreeSet<Owner<'_>> = files.into_iter().filter_map(|file| self.owner(file)).collect();
        let shared = owners.contains(&Owner::Shared);
        let is_direct = |name: &str| owners.contains(&Owner::Project(name));
        let is_touched = |name: &String| {
            let leg = self.leg_of(name);
            shared || leg.iter().any(|member| is_direct(member))
        };
        let names = || self.named.iter().map(|(name, _)| name);
        Touched {
            directly: names().filter(|name| is_direct(name)).cloned().collect(),
            all: names().filter(|name| is_touched(name)).cloned().collect(),
            shared,
        }
    }

    /// The projects in legs: coupled ones together, the others each by itself, in the order of the runbook.
    pub fn legs(&self, projects: &[String]) -> Vec<Leg> {
        let mut legs: Vec<Leg> = Vec::new();
        for name in projects {
            if !legs.iter().any(|leg| leg.contains(name)) {
                let coupled = self.leg_of(name);
                legs.push(projects.iter().filter(|other| coupled.contains(other)).cloned().collect());
            }
        }
        legs
    }

    /// The legs these files touch directly when there is more than one: the first project of each, and its first file.
    pub fn mixed<'a>(&self, files: &'a [String]) -> Option<Vec<(String, &'a str)>> {
        let mut found: Vec<(String, &str)> = Vec::new();
        for file in files {
            let Some(Owner::Project(name)) = self.owner(file) else { continue };
            let leg = self.leg_of(name);
            if !found.iter().any(|(other, _)| leg.contains(other)) {
                found.push((name.to_string(), file));
            }
        }
        (found.len() > 1).then_some(found)
    }

    /// A project and everything it is coupled with, however many couplings lie between.
    fn leg_of(&self, name: &str) -> Leg {
        let mut leg = vec![name.to_string()];
        loop {
            let near = self.coupled.iter().filter(|pair| pair.iter().any(|member| leg.contains(member)));
            let more = near.flatten().find(|member| !leg.contains(member)).cloned();
            match more {
                Some(member) => leg.push(member),
                None => return leg,
            }
        }
    }

    fn owner(&self, file: &str) -> Option<Owner<'_>> {
        let own =
            self.named.iter().flat_map(|(name, paths)| paths.iter().map(move |path| (path, Owner::Project(name))));
        let shared = self.shared.iter().map(|path| (path, Owner::Shared));
        own.chain(shared)
            .filter(|(path, _)| is_under(file, path))
            .max_by_key(|(path, _)| path.len())
            .map(|(_, own)| own)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner<'a> {
    Project(&'a str),
    Shared,
}

/// Whether a file is this path or stands below it.
pub fn is_under(file: &str, path: &str) -> bool {
    path.is_empty() || file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monorepo() -> Projects {
        let one = |name: &str, path: &str| (name.to_string(), vec![path.to_string()]);
        Projects {
            named: vec![one("argo", "argo"), one("backend", "alpine-backend"), one("frontend", "alpine-frontend")],
            shared: vec!["packages".into()],
            coupled: vec![vec!["backend".into(), "frontend".into()]],
        }
    }

    fn all(files: &[&str]) -> String {
        monorepo().touched(files.iter().copied()).all.join(" ")
    }

    #[test]
    fn a_file_touches_its_project_and_what_is_coupled_with_it() {
        assert_eq!(all(&["argo/a.py"]), "argo");
        assert_eq!(all(&["alpine-frontend/x"]), "backend frontend");
        assert_eq!(all(&["packages/log/x"]), "argo backend frontend");
        assert_eq!(all(&["README.md", "argo2/x", "argon", "docs/argo/x"]), "");
    }

    #[test]
    fn coupled_projects_are_one_leg_also_over_several_couplings() {
        let legs = monorepo().legs(&["argo".into(), "backend".into(), "frontend".into()]);
        assert_eq!(legs, [vec!["argo".to_string()], vec!["backend".into(), "frontend".into()]]);
        let chain = Projects {
            named: vec![("a".into(), vec![]), ("b".into(), vec![]), ("c".into(), vec![])],
            coupled: vec![vec!["a".into(), "b".into()], vec!["b".into(), "c".into()]],
            ..Projects::default()
        };
        assert_eq!(chain.legs(&["a".into(), "b".into(), "c".into()]).len(), 1);
    }

    #[test]
    fn files_of_two_legs_are_mixed_and_coupled_or_shared_ones_are_not() {
        let mixed = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|file| file.to_string()).collect();
            monorepo().mixed(&files).map(|found| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(mixed(&["argo/a", "argo/b", "alpine-backend/c", "packages/d"]).as_deref(), Some("argo backend"));
        assert_eq!(mixed(&["alpine-frontend/a", "alpine-backend/c"]), None);
        assert_eq!(mixed(&["argo/a", "packages/d", "README.md"]), None);
    }

    #[test]
    fn the_longest_path_owns_a_file() {
        let nested = Projects {
            named: vec![("whole".into(), vec![String::new()]), ("inner".into(), vec!["src/inner".into()])],
            ..Projects::default()
        };
        assert_eq!(nested.touched(["src/inner/x"]).directly, ["inner"]);
        assert_eq!(nested.touched(["src/innermost"]).directly, ["whole"]);
    }

    #[test]
    fn paths_are_compared_without_dots_and_final_slashes() {
        assert_eq!(normal("argo/"), Ok("argo".into()));
        assert_eq!(normal("./argo/src//"), Ok("argo/src".into()));
        assert_eq!(normal("."), Ok(String::new()));
        for bad in ["", "/", "/argo", "../argo", "a//b", "a/../b", "argo/*", "a\nb"] {
            assert!(normal(bad).is_err(), "{bad:?}");
        }
    }
}
