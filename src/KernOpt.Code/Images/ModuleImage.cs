using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>A loaded module with its functions, ascending by address and not overlapping.</summary>
public sealed class ModuleImage(TargetModule location, ImmutableArray<Function> functions)
{
    public string Name => Location.Name;
    public Address LoadBias => Location.LoadBias;
    public TargetModule Location { get; } = location;
    public ImmutableArray<Function> Functions { get; } = functions;
}
