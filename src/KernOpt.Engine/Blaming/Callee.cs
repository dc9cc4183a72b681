namespace KernOpt.Engine.Blaming;

public enum CalleeKind
{
    Function,
    SystemCall,
    /// <summary>Code that belongs to no function that is known, or a pointer whose values were too many.</summary>
    Unknown,
}

/// <summary>Where time goes: a function, by its address, a system call, by its number (-1: not known), or something else that is called.</summary>
public sealed record Callee(CalleeKind Kind, ulong Id, string Name, string Module)
{
    public override string ToString() => Kind == CalleeKind.SystemCall ? $"system call {Name}" : Name;
}
