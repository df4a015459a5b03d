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
}
