using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// A jump through a table whose index or target is known goes straight to its case. The loads of the table's address are left to be removed as dead.
/// <code>
///     lea    rdx, [rip+T]            lea    rdx, [rip+T]
///     movsxd rax, [rdx+rcx*4]        movsxd rax, [rdx+rcx*4]
///     add    rax, rdx                add    rax, rdx
///     jmp    rax            =>       jmp    case_3             ; rcx is 3
/// </code>
/// </summary>
internal sealed class DecideTables : IPass
{
    public string Id => "decide-tables";

    public int Run(FunctionBody body, PassContext context)
    {
        var flow = context.Decisions(body);
        var changes = 0;
        foreach (var block in body.Order)
        {
            if (block.End is not Terminator.Table table || flow.AtEnd(block) is not { } facts) continue;
            if (TableTargets.TryDecide(table, facts) is not { } target) continue;
            block.End = new Terminator.Goto(target);
            changes++;
        }
        if (changes > 0) body.Rebuild();
        return changes;
    }
}
