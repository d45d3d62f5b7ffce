//! The tree of categories, out of the paths that products name.
//!
//! Invariant: a node is there because some product for sale stands in it or below it.

use crate::domain::product::category;
use serde::Serialize;

/// One node of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Category {
    /// From the root: `Apparel > Shirts`.
    pub path: String,
    /// The last name of the path.
    pub name: String,
    /// Products for sale in it and below it.
    pub products: usize,
    /// What stands right below, by name.
    pub children: Vec<Category>,
}

/// The tree of paths, each with how many products name it.
pub(super) fn tree<'a>(places: impl Iterator<Item = (&'a str, usize)>) -> Vec<Category> {
    let mut roots = vec![];
    for (path, products) in places {
        let (mut level, mut place) = (&mut roots, String::new());
        for name in category::names(path) {
            if !place.is_empty() {
                place.push_str(category::SEPARATOR);
            }
            place.push_str(name);
            let node = child(level, name, &place);
            node.products += products;
            level = &mut node.children;
        }
    }
    sort(&mut roots);
    roots
}

fn child<'t>(level: &'t mut Vec<Category>, name: &str, path: &str) -> &'t mut Category {
    let known = level.iter().position(|node| node.name == name);
    let place = known.unwrap_or_else(|| {
        let (path, name) = (path.to_owned(), name.to_owned());
        level.push(Category { path, name, products: 0, children: vec![] });
        level.len() - 1
    });
    match level.get_mut(place) {
        Some(node) => node,
        None => unreachable!("it was found, or pushed"),
    }
}

fn sort(level: &mut [Category]) {
    level.sort_by_cached_key(|node| (node.name.to_lowercase(), node.name.clone()));
    for node in level {
        sort(&mut node.children);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(level: &[Category]) -> String {
        let one = |node: &Category| {
            format!("{} {} [{}]", node.name, node.products, shown(&node.children))
        };
        level.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_product_counts_in_its_category_and_in_all_above() {
        let tree = tree(
            [
                ("", 9),
                ("Home", 1),
                ("Apparel > Shirts", 2),
                ("Apparel > hats > Wool", 4),
                ("Apparel", 8),
            ]
            .into_iter(),
        );
        let expected = "Apparel 14 [hats 4 [Wool 4 []], Shirts 2 []], Home 1 []";
        assert_eq!(shown(&tree), expected);
        assert_eq!(tree[0].children[0].children[0].path, "Apparel > hats > Wool");
    }
}
