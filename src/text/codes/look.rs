//! 1050 to 1079: steps that look at markers, files, changes and sets of objects.

use super::codes;

codes! {
1050 MARKER "a marker that cannot tell" r#"
A marker is one variable with one exact value, so that production cannot be taken for anything else. A name that no
variable can have is never found, and an empty value is what every forgotten setting has.

wrong:
    marker: { file: .env, name: DEPLOYMENT-ENV, is: "" }
right:
    marker: { file: .env, name: DEPLOYMENT_ENV, is: prd }
"#
1051 REVISION "not the name of one commit" r#"
`base` and `head` each name one commit: an id, a tag, a branch, `HEAD~1`. What begins with `-` would be an option of git,
and a range is two commits.

wrong:
    changes: { base: v1.2.0..HEAD, projects: { web: web/ } }
right:
    changes: { base: v1.2.0, head: HEAD, projects: { web: web/ } }
"#
1052 PROJECTS "projects that cannot be told apart" r#"
Each project has paths of its own, relative to the root of the repository; a file belongs to the longest path it stands
under. Couplings name projects that are declared.

wrong:
    changes: { base: v1, projects: { web: /srv/web, api: /srv/web }, coupled: [[web, app]] }
right:
    changes: { base: v1, projects: { web: web/, api: api/ }, coupled: [[web, api]] }
"#
1053 SCAN "a scan that could find nothing, or everything" r#"
What a scan forbids are regular expressions that some lines match and others do not. What it allows is a marker that
somebody wrote on purpose, and that stands nowhere else.

wrong:
    scan: { added: { base: v1, forbid: ["console.log("], allow: "//" } }
right:
    scan: { added: { base: v1, forbid: ['console\.log\('], allow: "scan:allow" } }
"#
}
