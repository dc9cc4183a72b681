using System.Reflection;

namespace KernOpt.Target;

/// <summary>A stable number and name. Printed as "KO2103 UnresolvedIndirectJump". Numbers are never reused.</summary>
public readonly record struct Reason(int Number, string Name, string Meaning)
{
    public override string ToString() => $"KO{Number:0000} {Name}";

    public Refusal With(string detail) => new(this, detail);
}

/// <summary>
/// Every numbered reason, one partial file per area: 1xxx binary files, 2xxx parsing code, 3xxx generating and validating versions,
/// 4xxx the target (permissions, memory, threads), 5xxx changing live code, 6xxx measuring, 7xxx policy, journal and engine, 8xxx command line.
/// </summary>
public static partial class Reasons
{
    public static readonly Reason Unset = new(1, nameof(Unset), "A bug: an outcome was used before it was set.");

    /// <summary>All reasons in order of number. Made when first asked for: the order in which partial files initialize their fields is not defined.</summary>
    public static IReadOnlyList<Reason> All => field ??=
        [.. typeof(Reasons).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(f => f.FieldType == typeof(Reason)).Select(f => (Reason)f.GetValue(null)!).OrderBy(r => r.Number)];
}
